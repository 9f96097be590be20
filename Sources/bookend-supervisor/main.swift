import Glibc

func supervise(_ words: ArraySlice<String>) -> Int32 {
    guard let options = Options(Array(words)) else {
        fputs("bookend-supervisor: the agent starts it: [options] -- PROGRAM [ARGUMENT ...]\n", fdopen(2, "w"))
        return 64
    }
    var supervision = Supervision(options)
    return supervision.run()
}

exit(supervise(CommandLine.arguments.dropFirst()))
