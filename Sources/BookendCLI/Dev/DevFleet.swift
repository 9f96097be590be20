import BookendFiles
import BookendModel
import BookendTransport
import Glibc

/// A whole fleet on this machine, in the foreground.
struct DevFleet {
    private enum Event: Sendable {
        case ended(CLIError?)
        case signal(Int32)
        case ready
        case notReady(CLIError)
    }

    private static let patience = Duration.seconds(60)

    let layout: DevLayout
    let agents: [AgentID]
    /// Where the daemons' programs are.
    let programs: String
    let network: any Network

    var client: FleetClient {
        var context = ClientConfiguration.Context()
        context.coordinator = .init(endpoint: "ipc://" + layout.coordinatorSocket)
        context.collector = .init(endpoint: "ipc://" + layout.collectorSocket)
        context.feed = .init(endpoint: "ipc://" + layout.feedSocket)
        return FleetClient(context: context, network: network)
    }

    /// Runs until a signal, or until a daemon ends by itself; then stops all, the agents first. Only a second Ctrl-C
    /// ends them at once: a script around this program that is interrupted too sends SIGTERM behind the first.
    ///
    /// - Parameter onReady: Called once every agent is online.
    func run(onReady: @escaping @Sendable () -> Void) async throws {
        let servers = ["coordinator", "collector"].map(daemon)
        let workers = agents.map { daemon($0.rawValue) }
        let interrupts = Interrupts([SIGINT, SIGTERM, SIGHUP])
        let failure = await withTaskGroup(of: Event.self) { group -> CLIError? in
            for daemon in servers { group.addTask { .ended(await daemon.run()) } }
            for daemon in workers {
                // Agents that come too early would wait in their back-off.
                group.addTask { [self] in
                    await self.serversAnswer(servers, for: daemon)
                    return .ended(await daemon.run())
                }
            }
            group.addTask { [signals = interrupts.signals] in
                for await number in signals { return .signal(number) }
                return .signal(SIGTERM)
            }
            group.addTask { [self] in await self.ready(servers + workers) }

            var failure: CLIError?
            var isInterrupted = false
            watching: for await event in group {
                switch event {
                case .ready: onReady()
                case .signal(let number):
                    isInterrupted = number == SIGINT
                    break watching
                case .ended(let error):
                    failure = error ?? CLIError(.failed, "a daemon ended by itself")
                    break watching
                case .notReady(let error):
                    failure = error
                    break watching
                }
            }
            Output.note(
                "stopping: the agents first, which may have post-scripts to run (a second Ctrl-C ends them at once)")
            await stop(workers, servers, interrupts.signals, isInterrupted: isInterrupted)
            group.cancelAll()
            return failure
        }
        if let failure { throw failure }
        Output.note("stopped")
    }

    private func daemon(_ name: String) -> DevDaemon {
        let program = name == "coordinator" || name == "collector" ? name : "agent"
        return DevDaemon(name, program: "\(programs)/bookend-\(program)", layout: layout)
    }

    /// - Parameter isInterrupted: The first Ctrl-C has come.
    private func stop(
        _ workers: [DevDaemon], _ servers: [DevDaemon], _ signals: AsyncStream<Int32>, isInterrupted: Bool
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var isInterrupted = isInterrupted
                for await number in signals {
                    if number == SIGINT, isInterrupted {
                        for daemon in workers + servers { daemon.kill() }
                    } else {
                        isInterrupted = isInterrupted || number == SIGINT
                        Output.note("stopping already (a second Ctrl-C ends them at once)")
                    }
                }
            }
            for part in [workers, servers.reversed()] {
                for daemon in part { daemon.stop() }
                while part.contains(where: \.isRunning) {
                    // Not to be broken off: nothing may be left behind.
                    try? await Task.sleep(for: .milliseconds(20))
                }
            }
            group.cancelAll()
        }
    }

    // MARK: Readiness

    private func serversAnswer(_ servers: [DevDaemon], for worker: DevDaemon) async {
        let deadline = ContinuousClock.now + Self.patience
        while !Task.isCancelled, worker.isWanted, ContinuousClock.now < deadline, servers.allSatisfy(\.isRunning) {
            do {
                _ = try await client.coordinator().agents()
                _ = try await client.collector().feedHead()
                return
            } catch {
                // Not there yet; canceled: the loop ends.
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func ready(_ daemons: [DevDaemon]) async -> Event {
        let deadline = ContinuousClock.now + Self.patience
        var last = CLIError(.failed, "the agents are not online")
        while !Task.isCancelled, ContinuousClock.now < deadline {
            do {
                let online = try await client.coordinator().agents().filter(\.isOnline).map(\.id)
                // Whoever else answers at these sockets is not the fleet that was started here.
                if Set(agents).isSubset(of: online), daemons.allSatisfy(\.isRunning) { return .ready }
                let missing = agents.filter { !online.contains($0) }.map(\.rawValue).joined(separator: ", ")
                last = CLIError(
                    .failed,
                    "not online after \(Phrases.duration(Self.patience)): \(missing); see \(layout.path("logs"))")
            } catch {
                last = error
            }
            // Canceled: the loop ends.
            try? await Task.sleep(for: .milliseconds(100))
        }
        return .notReady(last)
    }
}
