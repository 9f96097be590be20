import Dispatch
import Glibc

/// Ctrl-C and its like, as values instead of the end of the process.
struct Interrupts {
    let signals: AsyncStream<Int32>
    private let sources: [any DispatchSourceSignal]

    /// From now on these signals do not end the process.
    init(_ numbers: [Int32] = [SIGINT, SIGTERM]) {
        let (signals, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(8))
        self.signals = signals
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
    }
}
