import CFuzzer
import Glibc

/// Drives one decoder: `Fuzz TARGET [libFuzzer's arguments]`, `Fuzz TARGET --seeds FOLDER`, `Fuzz TARGET --large FOLDER`,
/// or `Fuzz --list`.
@main struct Program {
    static func main() {
        var words = Array(CommandLine.arguments.dropFirst())
        // libFuzzer starts this program again to merge, with its own arguments only.
        if let name = getenv("FUZZ_TARGET") { words.insert(String(cString: name), at: 0) }
        guard let name = words.first, name != "--list" else {
            for target in Target.all { print(target.name, target.longest) }
            return
        }
        guard let target = Target.all.first(where: { $0.name == name }) else {
            say("Fuzz: no target \(name); Fuzz --list names them")
            exit(2)
        }
        Harness.target = target
        setenv("FUZZ_TARGET", name, 1)
        switch words.dropFirst().first {
        case "--seeds" where words.count == 3:
            for (number, seed) in target.seeds().enumerated() { Folder.write(seed, to: "\(words[2])/seed-\(number)") }
        case "--large" where words.count == 3: LargeInputs.run(target, corpus: Folder.files(in: words[2]))
        default: exit(drive(words))
        }
    }

    /// Hands the process to libFuzzer; `words` is the target and libFuzzer's own arguments.
    private static func drive(_ words: [String]) -> Int32 {
        var arguments: [UnsafeMutablePointer<CChar>?] =
            ([CommandLine.arguments[0]] + words.dropFirst()).map { strdup($0) } + [nil]
        var count = Int32(arguments.count - 1)
        return arguments.withUnsafeMutableBufferPointer { buffer in
            var start = buffer.baseAddress
            return LLVMFuzzerRunDriver(&count, &start) { data, size in
                Harness.run(Array(UnsafeBufferPointer(start: data, count: size)))
                return 0
            }
        }
    }
}
