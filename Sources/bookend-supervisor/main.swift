import Glibc

guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
    fputs("bookend-supervisor: the agent starts it: [options] -- PROGRAM [ARGUMENT ...]\n", fdopen(2, "w"))
    exit(64)
}
var supervision = Supervision(options)
exit(supervision.run())
