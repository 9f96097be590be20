import BookendDaemon
import BookendModel

extension DaemonClock {
    /// Sleeps until the deadline, unless the order is given or the task canceled before.
    ///
    /// - Returns: The deadline was reached.
    func sleep(until deadline: BootTime, unless order: StopOrder) async -> Bool {
        await withTaskGroup(of: Bool.self) { race in
            race.addTask {
                // Canceled: the deadline was not reached.
                (try? await self.sleep(until: deadline)) != nil
            }
            race.addTask {
                await order.wait()
                return false
            }
            defer { race.cancelAll() }
            return await race.next() ?? false
        }
    }
}
