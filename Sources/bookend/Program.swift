import BookendCLI

@main
struct Program {
    static func main() {
        BookendCommand.start()
    }
}
