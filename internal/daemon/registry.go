package daemon

import (
	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/schema"
)

// RegistryClient makes a client of the configured registry.
func RegistryClient(r config.Registry) (*schema.Registry, error) {
	mode := schema.RegistryRegister
	if r.Lookup {
		mode = schema.RegistryLookup
	}
	settings := schema.RegistryConfig{URLs: r.URLs, Mode: mode,
		Username: r.Username, Password: r.Password.Reveal(), BearerToken: r.Token.Reveal()}
	if r.TLS != nil {
		settings.TLS = r.TLS.Client()
	}
	return schema.NewRegistry(settings)
}
