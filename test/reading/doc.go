// Package reading gives tests what they need to run the snippets of docs/reading.md as they stand there: the snippets
// themselves, taken out of the page, and the programs of others that they are written for.
//
// It promises that what runs is what the page shows: a placeholder that is replaced is in the text, and nothing else is
// changed.
//
// It knows neither the connector nor what a snippet should print.
package reading
