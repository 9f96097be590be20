package import Glibc

/// Who may use a file that holds a secret: its owner, who is root or the daemon's user, and its group for reading, as systemd
/// hands out credentials.
package enum SecretFileRule {
    /// What is wrong with a file, and what to type; `nil`: nothing, or there is no such file.
    package static func problem(of path: String) -> String? {
        var status = stat()
        return stat(path, &status) == 0 ? problem(of: path, status) : nil
    }

    /// - Parameter status: Of that file, as it was opened.
    package static func problem(of path: String, _ status: stat) -> String? {
        if status.st_uid != 0, status.st_uid != geteuid() {
            return "\(path) holds a secret and belongs to user \(status.st_uid): run chown \(geteuid()) \(path)"
        }
        if status.st_mode & 0o027 != 0 {
            return
                "\(path) holds a secret, and others than its owner may change or read it: run chmod g-w,o-rwx \(path)"
        }
        return nil
    }
}
