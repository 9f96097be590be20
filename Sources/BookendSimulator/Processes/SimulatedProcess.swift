import BookendModel
import BookendTransport
import Logging
import ServiceLifecycle

/// A program of the fleet that is started, dies, and is started again.
final class SimulatedProcess: @unchecked Sendable {
    /// How long the service manager waits before it starts again what has ended by itself.
    private static let restartDelay: Int64 = 5_000
    /// A service manager kills what does not stop.
    private static let stopPatience: Int64 = 90_000

    let target: Target
    let identity: PeerIdentity
    let machine: Machine
    private unowned let world: World
    private let body: @Sendable (Life) async throws -> Void
    private(set) var life: Life?
    private var group: ServiceGroup?
    /// Of whatever cause.
    private(set) var deaths = 0
    /// How often it was told to stop.
    private(set) var stops = 0
    /// When it was not there.
    private(set) var downs: [Range<Int64>] = []
    private var downSince: Int64?
    /// While it is down for a reason, nobody starts it.
    private var downUntil: Int64 = 0

    init(
        _ target: Target, _ identity: PeerIdentity, _ machine: Machine, _ world: World,
        body: @escaping @Sendable (Life) async throws -> Void
    ) {
        self.target = target
        self.identity = identity
        self.machine = machine
        self.world = world
        self.body = body
    }

    var isUp: Bool { life?.isAlive ?? false }

    func start() {
        guard !isUp, world.timeline.now >= downUntil, !world.isOver else { return }
        let life = Life(machine: machine, host: world.network.network.host(identity))
        self.life = life
        if let downSince { downs.append(downSince..<max(downSince, world.timeline.now)) }
        downSince = nil
        life.whenItDies { [weak self] in
            self?.deaths += 1
            self?.downSince = self?.world.timeline.now
        }
        world.note("\(target.description)", "starts")
        let group = ServiceGroup(
            services: [Program(life: life, body: body)],
            logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
        self.group = group
        life.task = Task { [world] in
            do {
                try await group.run()
                if life.isAlive { world.note("\(self.target.description)", "has ended") }
            } catch {
                if life.isAlive { world.note("\(self.target.description)", "has failed: \(error)") }
            }
            guard life.isAlive else { return }
            life.die()
            world.timeline.after(Self.restartDelay) { self.start() }
        }
    }

    /// `kill -9`, or a part of the machine's death.
    func crash(down: Int64) {
        guard let life, life.isAlive else { return }
        world.note("\(target.description)", "dies")
        life.die()
        stayDown(down)
    }

    /// What died by itself is kept down as well.
    func stayDown(_ down: Int64) {
        downUntil = max(downUntil, world.timeline.now + down)
        world.timeline.at(downUntil) { self.start() }
    }

    /// Nothing keeps it down any more.
    func comeBack() {
        downUntil = 0
        start()
    }

    /// It is gone for good.
    func end() {
        downUntil = .max
        life?.die()
    }

    /// SIGTERM.
    func stop(down: Int64) {
        guard let life, life.isAlive, let group else { return }
        world.note("\(target.description)", "is told to stop")
        stops += 1
        downUntil = max(downUntil, world.timeline.now + down)
        world.timeline.at(downUntil) { self.start() }
        // Ends by itself.
        Task { await group.triggerGracefulShutdown() }
        world.timeline.after(Self.stopPatience) { [weak life] in
            guard let life, life.isAlive else { return }
            self.crash(down: Self.restartDelay)
        }
    }
}

private struct Program: Service {
    let life: Life
    let body: @Sendable (Life) async throws -> Void

    func run() async throws { try await body(life) }
}
