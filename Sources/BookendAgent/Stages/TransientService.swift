/// One transient service: the unit of one script.
package struct TransientService: Hashable, Sendable {
    /// The path of `systemd-run`.
    package var systemdRun: String
    /// `bookend-job-JOB-STAGE-NUMBER.service`
    package var unit: String
    package var description: String

    package init(systemdRun: String, unit: String, description: String) {
        self.systemdRun = systemdRun
        self.unit = unit
        self.description = description
    }

    /// The arguments of `systemd-run` that have it run a supervisor, whose pipes are those of `systemd-run` itself.
    ///
    /// - Parameter keepsProcesses: What the script leaves running lives on after the service has ended; otherwise its
    ///   whole cgroup is ended with it.
    func words(_ supervisor: String, _ words: [String], keepsProcesses: Bool) -> [String] {
        [
            "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec", "--unit=\(unit)",
            "--description=\(description)", "--working-directory=/",
            "--property=KillMode=\(keepsProcesses ? "process" : "control-group")", "--property=TimeoutStopSec=10",
            "--property=OOMPolicy=continue", "--",
        ]
            // systemd puts its variables in the place of $NAME.
            + ([supervisor, "--unit", unit] + words).map { $0.replacing("$", with: "$$") }
    }
}
