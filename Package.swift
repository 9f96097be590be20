// swift-tools-version: 6.2
import PackageDescription

/// Rules of the language that hold in every target. A warning is an error in CI, and no more than that for those who
/// build with a newer compiler.
let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

let package = Package(
    name: "bookend",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // Floor 0: values, rules and machines. No clock, disk, socket or thread.
        .target(name: "BookendModel", swiftSettings: strict),

        // Floor 1: each noun in bytes.
        .target(
            name: "BookendWire",
            dependencies: ["BookendModel", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            swiftSettings: strict),

        // Floor 2: sockets; the files that people write; the process that stands between the agent and a stage.
        .systemLibrary(name: "CZeroMQ"),
        .systemLibrary(name: "CSodium"),
        .target(name: "CLinux"),
        .target(name: "BookendDigest", dependencies: ["CSodium"], swiftSettings: strict),
        .target(
            name: "BookendTransport",
            dependencies: ["BookendWire", "CZeroMQ", "CLinux", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .target(
            name: "BookendFiles",
            dependencies: ["BookendModel", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),

        // What wall clocks show where. Brings Foundation with it: for the coordinator and the CLI, not for agents.
        .target(name: "BookendCalendar", dependencies: ["BookendModel"], swiftSettings: strict),
        .target(
            name: "BookendDaemon",
            dependencies: [
                "BookendDigest", "BookendTransport", "BookendFiles",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(
            name: "BookendCurl", dependencies: ["CCurl", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),

        // Floor 3: the daemons. None of the three imports another.
        .target(
            name: "BookendCoordinator",
            dependencies: [
                "BookendCalendar", "BookendDigest", "BookendDaemon", "BookendCurl",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .target(
            name: "BookendAgent",
            dependencies: [
                "BookendDigest", "BookendDaemon", "CLinux",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: strict),
        .target(
            name: "BookendCollector",
            dependencies: [
                "BookendCalendar", "BookendDigest", "BookendDaemon", "BookendCurl",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: strict),

        // Floor 4: the programs.
        .executableTarget(
            name: "bookend-coordinator",
            dependencies: [
                "BookendCoordinator", "BookendDaemon",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "bookend-agent",
            dependencies: [
                "BookendAgent", "BookendDaemon", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "bookend-collector",
            dependencies: [
                "BookendCollector", "BookendDaemon", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        // Started three times a job: linked whole and without what it does not use, it starts in a third of the time.
        .executableTarget(
            name: "bookend-supervisor", dependencies: ["CLinux"],
            swiftSettings: strict + [
                .unsafeFlags([
                    "-Xfrontend", "-disable-implicit-concurrency-module-import",
                    "-Xfrontend", "-disable-implicit-string-processing-module-import",
                ])
            ],
            linkerSettings: [
                .unsafeFlags(
                    ["-static-executable", "-use-ld=lld", "-Xlinker", "--gc-sections"],
                    .when(platforms: [.linux], configuration: .release))
            ]),
        // The three daemons together in virtual time, for tests only.
        .target(
            name: "BookendSimulator",
            dependencies: ["BookendCoordinator", "BookendAgent", "BookendCollector"],
            swiftSettings: strict),
        .executableTarget(
            name: "bookend-simulate", dependencies: ["BookendSimulator"], swiftSettings: strict),
        .target(
            name: "BookendCLI",
            dependencies: [
                "BookendCalendar", "BookendDigest", "BookendTransport", "BookendFiles",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: strict),
        .executableTarget(name: "bookend", dependencies: ["BookendCLI"], swiftSettings: strict),

        // Tests, by ring: the model; single modules against the real thing; the real binaries over loopback.
        .target(
            name: "BookendTestSupport",
            dependencies: [
                "BookendModel", "BookendTransport", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/BookendTestSupport", swiftSettings: strict),
        .testTarget(
            name: "BookendModelTests", dependencies: ["BookendModel", "BookendFiles", "BookendTestSupport"],
            resources: [.copy("Vectors"), .copy("AlertVectors"), .copy("RuleVectors")],
            swiftSettings: strict),
        .testTarget(name: "BookendWireTests", dependencies: ["BookendModel", "BookendWire"], swiftSettings: strict),
        .testTarget(
            name: "BookendTransportTests",
            dependencies: ["BookendTransport", "BookendTestSupport", "CLinux", "CZeroMQ"],
            swiftSettings: strict),
        .testTarget(
            name: "BookendFilesTests",
            dependencies: [
                "BookendFiles", "BookendModel", "BookendTestSupport", .product(name: "Yams", package: "Yams"),
            ],
            resources: [.copy("WrongPolicies"), .copy("WrongConfigurations")], swiftSettings: strict),
        .testTarget(
            name: "BookendCalendarTests", dependencies: ["BookendCalendar", "BookendFiles", "BookendModel"],
            swiftSettings: strict),
        .testTarget(name: "BookendDigestTests", dependencies: ["BookendDigest"], swiftSettings: strict),
        .testTarget(name: "BookendCurlTests", dependencies: ["BookendCurl"], swiftSettings: strict),
        .testTarget(
            name: "BookendAgentTests",
            dependencies: ["BookendAgent", "BookendDaemon", "BookendDigest", "BookendFiles", "BookendTestSupport"],
            resources: [.copy("Databases")], swiftSettings: strict),
        .testTarget(
            name: "BookendCoordinatorTests",
            dependencies: ["BookendCoordinator", "BookendDaemon", "BookendTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "BookendCollectorTests",
            dependencies: [
                "BookendCollector", "BookendDaemon", "BookendTestSupport",
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.copy("Databases")], swiftSettings: strict),
        .testTarget(
            name: "BookendCLITests", dependencies: ["BookendCLI", "BookendFiles", "BookendModel", "BookendTransport"],
            swiftSettings: strict),
        .executableTarget(
            name: "bookend-herd",
            dependencies: [
                "BookendAgent", "BookendDaemon", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/bookend-herd", swiftSettings: strict),
        // What `tools/bench` measures CURVE with.
        .executableTarget(
            name: "bookend-echo", dependencies: ["BookendModel", "BookendTransport", "BookendWire"],
            path: "Tests/bookend-echo", swiftSettings: strict),
        .testTarget(
            name: "ProcessTests",
            dependencies: [
                "BookendCalendar", "BookendModel", "BookendTestSupport", "BookendTransport", "BookendWire",
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: strict),
    ]
)
