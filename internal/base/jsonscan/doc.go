// Package jsonscan finds where JSON values end. It is strict about all that RFC 8259 says of the text, and looks at nothing else:
// not at what a value means, nor whether a name is there twice in its object, nor whether a text is valid UTF-8.
//
// It exists because reading JSON is the costliest step of the whole way, and each byte of each page is read by it. Fuzz tests hold
// it to the judgment of encoding/json and of a library.
package jsonscan
