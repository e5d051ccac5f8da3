//go:build race

package graphsim

// raceDetector: memory and time are several times what they are without it.
const raceDetector = true
