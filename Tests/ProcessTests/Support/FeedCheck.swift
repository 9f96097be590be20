import Testing

/// What must hold of every reading of the feed.
enum FeedCheck {
    /// No cursor and no report comes twice, and each agent's reports stand in their order without a gap.
    static func expectExact(_ lines: [FeedLine], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(Set(lines.map(\.cursor)).count == lines.count, "a cursor came twice", sourceLocation: sourceLocation)
        for (stream, lines) in Dictionary(grouping: lines.filter { !$0.isInference }, by: \.stream) {
            let numbers = lines.map(\.sequence)
            let all = Array(1...Int64(numbers.count))
            #expect(numbers == all, "reports of \(stream)", sourceLocation: sourceLocation)
        }
    }
}
