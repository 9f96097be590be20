import Glibc

/// A file that keeps the first and the last half of what is written to it, in bounded memory and disk.
///
/// Everything up to the limit is in the file at once. Of what comes later the last half is kept in memory, and takes its
/// place behind a line that says how much is missing when the file is finished.
struct BoundedFile {
    private let descriptor: Int32
    /// Where this output begins: behind what the file held before.
    private let base: Int
    private let limit: Int
    private let half: Int
    private var ring: [UInt8] = []
    private var total = 0
    /// Kept of an output that comes behind others, however much they took.
    private static let least = 4 << 10

    /// A path that is `nil` or cannot be opened keeps nothing; the output is still read, so that nobody blocks.
    init(path: String?, limit: Int, appends: Bool = false) {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (appends ? 0 : O_TRUNC)
        descriptor = path.map { open($0, flags, 0o600) } ?? -1
        base = max(0, Int(lseek(descriptor, 0, SEEK_END)))
        self.limit = base == 0 ? limit : max(min(limit, BoundedFile.least), limit - base)
        half = self.limit / 2
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard descriptor >= 0, !bytes.isEmpty else { return }
        let fits = min(bytes.count, max(0, limit - total))
        if fits > 0 { writeAll(UnsafeRawBufferPointer(rebasing: bytes[..<fits]), at: total) }
        if total + bytes.count > limit {
            if ring.isEmpty { recall() }
            remember(bytes, at: total)
        }
        total += bytes.count
    }

    /// Puts the end in its place; returns how many bytes were left out.
    mutating func finish() -> Int {
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        guard total > limit else { return 0 }
        let leftOut = total - 2 * half
        var tail = Array("\n[bookend: \(leftOut) bytes left out]\n".utf8)
        let start = total % half
        tail += ring[start...]
        tail += ring[..<start]
        tail.withUnsafeBytes { writeAll($0, at: half) }
        // The file only grows here; a failure leaves nothing stale.
        _ = ftruncate(descriptor, off_t(base + half + tail.count))
        return leftOut
    }

    /// The first time that something does not fit: takes what came last into memory. Most outputs never come that far.
    private mutating func recall() {
        ring = [UInt8](repeating: 0, count: half)
        var last = [UInt8](repeating: 0, count: min(half, total))
        let count = pread(descriptor, &last, last.count, off_t(base + total - last.count))
        guard count > 0 else { return }
        last.withUnsafeBytes { remember(UnsafeRawBufferPointer(rebasing: $0[..<count]), at: total - last.count) }
    }

    /// The byte at offset N of the output is in the ring at N modulo half.
    private mutating func remember(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        let skipped = max(0, bytes.count - half)
        var source = UnsafeRawBufferPointer(rebasing: bytes[skipped...])
        var place = (offset + skipped) % half
        ring.withUnsafeMutableBytes { ring in
            while !source.isEmpty {
                let count = min(source.count, half - place)
                memcpy(ring.baseAddress! + place, source.baseAddress!, count)
                source = UnsafeRawBufferPointer(rebasing: source[count...])
                place = 0
            }
        }
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(base + offset + done))
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return }  // A full disk costs the log, never the script.
            done += count
        }
    }
}
