import BookendModel

extension FeedCursor {
    /// `EPOCH-PLACE`, opaque to everyone else.
    init(_ epoch: Int64, _ place: Int64) {
        self.init(rawValue: "\(String(epoch, radix: 36))-\(place)")
    }

    /// `nil` for a cursor of another database, of one that went back in time since, or of none.
    func place(inEpoch epoch: Int64) -> Int64? {
        let parts = rawValue.split(separator: "-", maxSplits: 1)
        guard parts.count == 2, Int64(parts[0], radix: 36) == epoch, let place = Int64(parts[1]), place >= 0 else {
            return nil
        }
        return place
    }
}
