package import BookendFiles
package import BookendTransport

extension UnixSocketAccess {
    package init(_ configuration: SocketAccess) {
        let mode: Mode =
            switch configuration.mode {
            case .owner: .owner
            case .ownerAndGroup: .ownerAndGroup
            }
        self.init(mode: mode, group: configuration.group)
    }
}
