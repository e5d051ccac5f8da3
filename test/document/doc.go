// Package document takes what this repository's pages show to be typed out of them, so that a test runs it as it
// is there.
//
// Each block of a page, fenced or indented, has a comment in front that says what becomes of it:
//
//	<!-- run by: test/deploy TestCluster -->   the test, in that folder, which runs it
//	<!-- run by: .ci/run -->                   a line of that script
//	<!-- same as: docs/kubernetes.md -->       its lines stand in a block of that page, which says who runs it
//	<!-- needs: an Azure tenant -->            why nobody runs it
//	<!-- shows: an answer -->                  it is nothing to be typed
//
// It promises to give a test the blocks that name it and no others, with nothing changed.
//
// It knows neither the connector nor what a block should do.
package document
