import BookendDaemon
import BookendModel
import BookendTransport

extension Coordinator {
    func ask(_ agent: AgentID, _ request: AskRequest, _ client: Client, _ now: Moment) throws(RemoteFailure) {
        switch request {
        case .makeKey, .useKey:
            throw RemoteFailure(.invalid, "what is asked of agents when a key is rotated is the coordinator's to ask")
        default: _ = try open(request, of: agent, for: client, now)
        }
    }

    /// - Returns: The number of the question.
    func open(
        _ request: AskRequest, of agent: AgentID, for client: Client, _ now: Moment
    ) throws(RemoteFailure) -> UInt64 {
        guard machine.presence.isEnrolled(agent) else {
            throw OrderProblem.unknownAgent(agent, known: machine.presence.ids).failure
        }
        guard machine.presence.isOnline(agent), routes[agent] != nil else {
            throw RemoteFailure(
                .unavailable, "agent \(agent) is offline: ask again when bookend agents shows it online")
        }
        let request = request.attributed(to: client.author)
        guard asks.hasRoom(for: client) else {
            throw RemoteFailure(.unavailable, "\(asks.count) questions to agents are open already: ask again soon")
        }
        try auditBeginning(of: client, now)
        let id = asks.open(request, of: agent, for: client)
        send(.askCall(.open(id: id, request: request, credit: AskRelay.firstCredit)), to: agent)
        return id
    }

    func giveCredit(_ chunks: Int, _ client: Client) {
        guard let id = asks.id(of: client), let agent = asks[id]?.agent else { return }
        send(.askCall(.credit(id: id, chunks: chunks)), to: agent)
    }

    func closeAsk(_ client: Client) {
        guard let id = asks.id(of: client), let ask = asks.close(id) else { return }
        send(.askCall(.close(id: id)), to: ask.agent)
    }

    func relay(_ reply: AskReply, of agent: AgentID, _ now: Moment) {
        switch reply {
        case .chunk(let id, .key(let key)): take(key, of: agent, in: id, now)
        case .chunk(let id, let answer):
            guard let ask = asks[id], ask.agent == agent else {
                // Asked before a restart, or by a client that is gone.
                return send(.askCall(.close(id: id)), to: agent)
            }
            asks.refresh(id)
            auditAnswer(answer, to: id, now)
            self.reply(.answer(answer), to: ask.client)
        case .end(let id, let failure):
            if let failure { endRotation(of: agent, in: id, failure) }
            guard asks[id]?.agent == agent, let ask = asks.close(id) else { return }
            if let failure { auditFailure(of: ask, failure.message, now) }
            self.reply(failure.map(ControlReply.failed) ?? .done, to: ask.client)
        }
    }

    /// The client is gone: its agents need not go on.
    func closeAsks(of route: Route, at door: Doors.Name) {
        for (id, ask) in asks.close(route: route, door: door) { send(.askCall(.close(id: id)), to: ask.agent) }
    }

    /// Ends questions from this side.
    func fail(_ closed: [(id: UInt64, ask: AskRelay.Ask)], _ reason: String) {
        for (id, ask) in closed {
            send(.askCall(.close(id: id)), to: ask.agent)
            auditFailure(of: ask, reason, clock.now)
            reply(.failed(RemoteFailure(.unavailable, reason)), to: ask.client)
        }
    }

    /// An empty piece of output says nothing and shows that the client is gone.
    func probeAsks() {
        for ask in asks.quiet() {
            let nothing = LogChunk(attempt: 1, stage: .preScript, stream: .standardOutput, data: [])
            reply(.answer(.log(nothing)), to: ask.client)
        }
    }
}

extension AskRequest {
    /// The request in the name of whoever asks; what he says of himself does not count.
    fileprivate func attributed(to author: String) -> AskRequest {
        guard case .forgiveDebts(let job, let attempt, _, let reason) = self else { return self }
        return .forgiveDebts(job: job, attempt: attempt, by: author, reason: reason)
    }
}
