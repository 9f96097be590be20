import BookendModel
import Testing

@testable import BookendTransport

@Suite struct TokenTextTests {
    private func ticket(_ endpoint: String) -> EnrollmentTicket {
        EnrollmentTicket(
            endpoint: endpoint, serverKey: PublicKey(checking: "yrSiA[x3D4#ut4BQ1M9^5yhh*pCfhH6z^C@iyGLk")!,
            token: TokenID(rawValue: 7), secret: (0..<32).map { $0 &* 37 }, peerRole: .agent)
    }

    @Test func `a token's text is one word, and is read as it was written`() throws {
        for length in 0..<4 {
            let ticket = ticket("tcp://bookend.example.org:750" + String(repeating: "1", count: length))
            let text = TokenText.render(ticket)
            #expect(text.hasPrefix("bookend1-"))
            #expect(text.utf8.allSatisfy { $0 == 0x2D || $0 == 0x5F || (0x30...0x7A).contains($0) })
            #expect(try TokenText.parse(text, for: [.agent]) == ticket)
        }
    }

    @Test func `what is no token, or another one's, is told apart without being quoted`() throws {
        let text = TokenText.render(ticket("tcp://bookend.example.org:7503"))
        let wrong = [
            "", "bookend1-", "bookend2-" + text.dropFirst(9), String(text.dropLast(20)), text + "=", "x" + text,
            text + String(repeating: "A", count: 5_000),
        ]
        for text in wrong {
            let error = #expect(throws: TransportError.self) { try TokenText.parse(text, for: [.agent]) }
            #expect(error?.message.contains(text) == false || text.isEmpty || text == "bookend1-")
        }
        #expect(throws: TransportError.self) { try TokenText.parse(text, for: [.operator, .subscriber]) }
    }
}
