import BookendSimulator

SimulateProgram.run()
