/// Where one stage's output and end are kept; absolute paths.
package struct StageFiles: Sendable {
    package var stdout: String?
    package var stderr: String?
    package var result: String?
    /// Bytes kept of each output.
    package var limit: Int

    package init(
        stdout: String? = nil, stderr: String? = nil, result: String? = nil, limit: Int = StageProgram.outputLimit
    ) {
        self.stdout = stdout
        self.stderr = stderr
        self.result = result
        self.limit = limit
    }
}
