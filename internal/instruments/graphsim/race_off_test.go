//go:build !race

package graphsim

// raceDetector: memory and time are what they are.
const raceDetector = false
