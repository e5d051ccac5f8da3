package main

import "runtime/debug"

// release is the version of a build that has no module version, such as the image's. The linker sets it.
var release string

// version is the release, or the module's version from the build.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
