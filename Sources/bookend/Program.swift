import BookendCLI

@main
struct Program {
    static func main() async {
        await BookendCommand.start()
    }
}
