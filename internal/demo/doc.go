// Package demo runs the connector, or only its Graph simulator, on one machine without an account.
//
// [Demo] starts a simulated Graph, an embedded Kafka and an embedded schema registry, runs the real
// connector against them over the network, and lets an independent judge compare the topic with
// everything the simulator showed. [Simulator] runs the simulator on its own for other clients.
//
// It promises that nothing of it outlives its call, that it writes to temporary folders only unless
// a folder is named, and that a demo succeeds only if the judge found nothing missing, duplicated
// or reordered.
//
// It must not know how the connector works: it configures it by its environment variables and judges
// it by its topics. It is the only package of the product that imports the instruments.
package demo
