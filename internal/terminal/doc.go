// Package terminal talks to a person at a terminal.
//
// [Live] keeps a few lines up to date below everything else that is written. [Confirm] asks a
// yes-or-no question. [Is] reports whether a stream is a terminal.
//
// It promises that nothing is drawn unless the stream is a terminal, so a file or a pipe only gets
// what is written to it.
//
// It must not know the connector.
package terminal
