// Package maven fetches the jars that tests run, from Maven Central by way of Maven itself.
//
// It promises that a folder it returns is whole: it is filled under another name first, and one
// process fills it at a time. Maven keeps what it downloaded in ~/.m2.
//
// It knows nothing of what the jars are for.
package maven
