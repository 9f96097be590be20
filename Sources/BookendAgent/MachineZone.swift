import Glibc

/// The time zone of this machine, by its name of the IANA database. What the name means, the coordinator knows.
enum MachineZone {
    /// `TZ`, else where `/etc/localtime` leads, else what `/etc/timezone` says; empty: nothing tells.
    static func name() -> String {
        if let variable = getenv("TZ") {
            let text = String(cString: variable)
            return zone(in: text.hasPrefix(":") ? String(text.dropFirst()) : text)
        }
        if let target = realpath("/etc/localtime", nil) {
            defer { free(target) }
            let name = zone(in: String(cString: target))
            if !name.isEmpty { return name }
        }
        guard let file = fopen("/etc/timezone", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = fread(&bytes, 1, bytes.count, file)
        return zone(in: String(decoding: bytes[..<count].prefix { $0 > 0x20 }, as: UTF8.self))
    }

    /// A name, or the path of a zone's file; empty: neither.
    static func zone(in text: String) -> String {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if text.hasPrefix("/") {
            guard let place = parts.lastIndex(of: "zoneinfo") else { return "" }
            parts.removeFirst(place + 1)
            if let first = parts.first, ["posix", "right"].contains(first) { parts.removeFirst() }
        }
        let name = parts.joined(separator: "/")
        let isName =
            (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & ~0x20) || "/_+-".utf8.contains(byte)
            }
        return isName ? name : ""
    }
}
