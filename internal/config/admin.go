package config

import (
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
)

// adminNone is the ADMIN_ADDRESS that serves nothing.
const adminNone = "none"

// AdminAddress reads ADMIN_ADDRESS alone, for a command that asks a running process and must not depend on anything
// else of its configuration. It is empty if nothing is served; an error wraps ErrInvalid.
func AdminAddress() (string, error) {
	field, ok := reflect.TypeFor[Settings]().FieldByName("AdminAddress")
	if !ok {
		return "", fmt.Errorf("%w: no setting is named AdminAddress", ErrInvalid)
	}
	address := strings.TrimSpace(os.Getenv(field.Tag.Get("envconfig")))
	if address == "" {
		address = field.Tag.Get("default")
	}
	p := parser{}
	address = p.adminAddress(address)
	if len(p.wrong) > 0 {
		return "", fmt.Errorf("%w:\n%s", ErrInvalid, strings.Join(p.wrong, "\n"))
	}
	return address, nil
}

// adminAddress gives the address to listen on, empty for none.
func (p *parser) adminAddress(value string) string {
	if value == adminNone {
		return ""
	}
	if _, _, err := net.SplitHostPort(value); err != nil {
		p.refuse("ADMIN_ADDRESS", value, "must be host:port, :port, or none")
	}
	return value
}
