package graphsim

import (
	"strconv"
	"strings"
)

// principalName is the userPrincipalName of a user.
func principalName(user uint32) string {
	return "user" + strconv.FormatUint(uint64(user)+1, 10) + "@" + tenantName
}

func parsePrincipalName(name string, users int) (uint32, bool) {
	local, domain, _ := strings.Cut(strings.ToLower(name), "@")
	digits, ok := strings.CutPrefix(local, "user")
	if !ok || domain != tenantName {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n < 1 || n > uint64(users) || digits[0] == '0' {
		return 0, false
	}
	return uint32(n - 1), true
}
