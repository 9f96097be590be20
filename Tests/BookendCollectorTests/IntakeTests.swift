import Testing

@Suite struct IntakeTests {
    @Test(arguments: 1...50)
    func `whatever is sent and whatever fails, each report is stored once and acknowledged after that`(
        _ seed: UInt64
    ) {
        var history = IntakeHistory(seed: seed)
        history.run(steps: 150)
        #expect(history.faults.isEmpty, "seed \(seed)")
    }
}
