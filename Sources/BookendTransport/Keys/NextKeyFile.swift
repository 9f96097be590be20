import Glibc

/// The place of the key pair that is to follow another one: `<file>.next`, beside the file of that one.
///
/// ```
/// key ──make──▶ key, key.next ──promote──▶ key, which is the next one
/// ```
///
/// Each step is whole or not at all, and on the disk when it returns.
package struct NextKeyFile: Sendable {
    /// Of the present key.
    package let present: String
    package var path: String { present + ".next" }

    package init(besides present: String) {
        self.present = present
    }

    /// - Returns: `nil`: there is none.
    package func read() throws(TransportError) -> CurveKeyPair? {
        access(path, F_OK) == 0 ? try CurveKeyPair.read(secretFile: path) : nil
    }

    /// The pair that is there, or a new one.
    package func make() throws(TransportError) -> CurveKeyPair {
        if let pair = try read() { return pair }
        let pair = try CurveKeyPair.generate()
        let fresh = path + ".new"
        unlink(fresh)  // of somebody who died while he wrote it: nobody has heard of that key
        try pair.write(secretFile: fresh)
        try SmallFile.move(fresh, to: path)
        return pair
    }

    /// The present key is gone from here on.
    package func promote() throws(TransportError) {
        try SmallFile.move(path, to: present)
    }
}
