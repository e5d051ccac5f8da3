package source

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TokenInfo is what an access token says of itself. It holds nothing that lets anybody in.
type TokenInfo struct {
	// Kind is the credential it was got with.
	Kind AuthKind
	// TenantID and ClientID are those of the token, or the configured ones if it is opaque.
	TenantID, ClientID string
	// Roles are the application permissions that were consented to, sorted.
	Roles []string
	// Opaque tells that the token cannot be looked into, so that its roles are not known. Microsoft
	// does not promise that a token for Graph can be.
	Opaque bool
	// Expires is when Graph stops to accept it.
	Expires time.Time
}

// messageRoles are the application permissions of which getAllMessages needs one. The first is enough.
// Source: permissions of chats-getallmessages.
var messageRoles = [...]string{"Chat.Read.All", "Chat.ReadWrite.All"}

// inspect looks into a token without verifying it: it is our own, and it is Graph that has to trust it.
func (c Credentials) inspect(token string, expires time.Time) TokenInfo {
	info := TokenInfo{Kind: c.Kind, TenantID: c.TenantID, ClientID: c.ClientID, Expires: expires}
	var claims struct {
		jwt.RegisteredClaims
		AppID    string   `json:"appid"`
		TenantID string   `json:"tid"`
		Roles    []string `json:"roles"`
	}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		info.Opaque = true
		return info
	}
	info.Roles = slices.Sorted(slices.Values(claims.Roles))
	if claims.TenantID != "" {
		info.TenantID = claims.TenantID
	}
	if claims.AppID != "" {
		info.ClientID = claims.AppID
	}
	return info
}

// check says what a token lacks for this connector, nil for nothing.
func (c Credentials) check(info TokenInfo) *Error {
	if info.Opaque {
		return nil
	}
	if c.TenantID != "" && !strings.EqualFold(info.TenantID, c.TenantID) {
		// A managed identity belongs to one tenant, whatever AZURE_TENANT_ID says; messages would
		// be filed under the wrong one.
		return loginRefused.fail(fmt.Sprintf(
			"the token is of tenant %s, the configured tenant is %s", clean(info.TenantID, 64), c.TenantID), nil)
	}
	for _, alternatives := range append([][]string{messageRoles[:]}, c.Needs...) {
		if !slices.ContainsFunc(alternatives, func(role string) bool { return slices.Contains(info.Roles, role) }) {
			return roleMissing.fail(fmt.Sprintf(
				"application %s lacks the application permission %s (its token has: %s); grant it and give admin consent, the next token has it",
				clean(info.ClientID, 64), strings.Join(alternatives, " or "), listOr(info.Roles, "no roles")), nil)
		}
	}
	return nil
}

func listOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return clean(strings.Join(list, ", "), 300)
}
