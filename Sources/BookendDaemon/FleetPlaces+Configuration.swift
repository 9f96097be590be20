package import BookendFiles
package import BookendModel

extension AgentConfiguration.Coordinator {
    /// As a newcomer was told.
    package init(_ places: FleetPlaces) {
        self.init(sync: places.sync, broadcast: places.broadcast, publicKey: places.coordinatorKey.text)
    }
}
