// swift-tools-version: 6.2
// The decoders once more, with coverage counters in them, for tools/fuzz. A package of its own, so that the programs are
// never built with them; of the daemons it takes only what reads bytes, so that it is built in a few minutes.
import PackageDescription

let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// The sources that the main build has fetched: the same versions, and nothing is fetched twice.
func fetched(_ name: String) -> Package.Dependency { .package(path: "../../.build/checkouts/\(name)") }

let package = Package(
    name: "bookend-fuzz",
    dependencies: ["GRDB.swift", "Yams", "swift-log", "swift-protobuf"].map(fetched),
    targets: [
        .target(name: "BookendModel", swiftSettings: swift),
        .target(
            name: "BookendWire",
            dependencies: ["BookendModel", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            swiftSettings: swift),
        .target(name: "CLinux"),
        .systemLibrary(name: "CZeroMQ"),
        .systemLibrary(name: "CSodium"),
        .target(name: "BookendDigest", dependencies: ["CSodium"], swiftSettings: swift),
        .target(
            name: "BookendTransport", dependencies: ["BookendModel", "BookendWire", "CLinux", "CZeroMQ"],
            sources: ["Enrollment/TokenText.swift", "Keys", "Message"], swiftSettings: swift),
        .target(
            name: "BookendFiles", dependencies: ["BookendModel", .product(name: "Yams", package: "Yams")],
            swiftSettings: swift),
        .target(
            name: "BookendDaemon", dependencies: [.product(name: "GRDB", package: "GRDB.swift")],
            sources: ["StateDirectory.swift", "Store/DatabaseMigrator+Upgrade.swift"], swiftSettings: swift),
        .target(
            name: "BookendAgent",
            dependencies: ["BookendDaemon", "BookendWire", .product(name: "GRDB", package: "GRDB.swift")],
            sources: [
                "AgentError.swift", "Configuration/EnvironmentFile.swift", "Configuration/SecretTexts.swift",
                "Engines/BackupEngine.swift", "Engines/ResticMessages.swift", "Engines/ResticResult.swift",
                "Engines/ResticSnapshot.swift", "Journal",
                "Stages/ScriptUser.swift", "Stages/StageEvents.swift", "Stages/StageFiles.swift",
                "Stages/StageHandle.swift", "Stages/StageProgram.swift", "Stages/StageResult.swift",
                "Stages/TransientService.swift",
            ],
            swiftSettings: swift),
        .target(
            name: "BookendCoordinator",
            dependencies: [
                "BookendDaemon", "BookendDigest", "BookendWire", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            exclude: ["Store/CoordinatorCopies.swift"], sources: ["CoordinatorError.swift", "Store"],
            swiftSettings: swift),
        .target(
            name: "BookendCollector",
            dependencies: ["BookendDaemon", "BookendWire", .product(name: "GRDB", package: "GRDB.swift")],
            exclude: ["Store/CollectorCopies.swift"],
            sources: [
                "Alerts/OutgoingFold.swift", "Alerts/OutgoingMessage.swift", "CollectorError.swift", "Store",
            ],
            swiftSettings: swift),
        .target(name: "CFuzzer", path: "CFuzzer"),
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "BookendAgent", "BookendCollector", "BookendCoordinator", "BookendFiles", "BookendModel",
                "BookendTransport", "BookendWire", "CFuzzer", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Fuzz", swiftSettings: swift),
    ]
)
