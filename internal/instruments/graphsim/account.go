package graphsim

import (
	"strconv"
	"strings"
)

// teamsPlan is the service plan TEAMS1.
const teamsPlan = "57ff2da0-773e-42df-b2af-ffb7a2317929"

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

// account is what the directory knows of a user.
type account struct {
	user                    uint32
	enabled, guest, planned bool
}

func (s *Server) account(user uint32) account {
	lot := func(purpose uint64) float64 { return toUnit(mix(s.cfg.Seed, purposeAccount, uint64(user), purpose)) }
	p := &s.cfg.Directory
	return account{user: user, enabled: lot(1) >= p.Disabled, guest: lot(2) < p.Guests, planned: lot(3) >= p.NoPlan}
}

func (a account) userType() string {
	if a.guest {
		return "Guest"
	}
	return "Member"
}

// The properties of a user: first the eleven that come without $select.
var userProperties = [...]string{
	"businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage",
	"surname", "userPrincipalName", "id", "accountEnabled", "userType", "assignedPlans", "assignedLicenses",
}

const defaultUserProperties = 11

// appendUser appends a user's JSON. first is what comes before the properties, empty or ending in a comma.
func (s *Server) appendUser(b []byte, a account, selected []string, first string) []byte {
	if selected == nil {
		selected = userProperties[:defaultUserProperties]
	}
	b = append(b, '{')
	b = append(b, first...)
	name := displayName(a.user)
	given, family, _ := strings.Cut(name, " ")
	for i, property := range selected {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, property, false)
		b = append(b, ':')
		switch property {
		case "id":
			b = appendString(b, s.model.userIDs[a.user].String(), false)
		case "displayName":
			b = appendString(b, name, false)
		case "givenName":
			b = appendString(b, given, false)
		case "surname":
			b = appendString(b, family, false)
		case "userPrincipalName", "mail":
			b = appendString(b, principalName(a.user), false)
		case "preferredLanguage":
			b = append(b, `"en-US"`...)
		case "businessPhones", "assignedLicenses":
			b = append(b, `[]`...)
		case "accountEnabled":
			b = strconv.AppendBool(b, a.enabled)
		case "userType":
			b = appendString(b, a.userType(), false)
		case "assignedPlans":
			b = append(b, '[')
			if a.planned {
				b = append(b, `{"assignedDateTime":"2024-01-01T00:00:00Z","capabilityStatus":"Enabled","service":"TeamspaceAPI","servicePlanId":"`+teamsPlan+`"}`...)
			}
			b = append(b, ']')
		default:
			b = append(b, `null`...)
		}
	}
	return append(b, '}')
}
