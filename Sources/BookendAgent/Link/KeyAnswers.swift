import BookendModel
import BookendTransport

/// Answers what is asked about the agent's key; everything else is for others to answer.
struct KeyAnswers: AskAnswering {
    let keys: AgentKeys
    let others: any AskAnswering

    func answer(_ request: AskRequest, send: @Sendable (AskAnswer) async throws -> Void) async throws {
        switch request {
        case .makeKey: try await send(.key(PublicKey(keys.prepare())))
        case .useKey(let key): try keys.use(key)
        default: try await others.answer(request, send: send)
        }
    }
}
