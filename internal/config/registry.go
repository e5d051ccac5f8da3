package config

import "strings"

// Registry is the schema registry, and how the connector signs in to it.
type Registry struct {
	// URLs are the registry's instances; there are none where records are written without a registry.
	URLs []string
	// Lookup says that nothing may be written to the registry.
	Lookup          bool
	Username        string
	Password, Token Secret
	TLS             *TLS // nil for the system's roots and no client certificate
}

// LoadRegistry reads the environment as far as it concerns the schema and its registry, so that the
// commands about the schema need no credentials for Graph. Its error names every variable among these
// that is wrong, and SCHEMA_REGISTRY_URL if it is not set.
func LoadRegistry() (registry Registry, topic string, err error) {
	s, err := readEnvironment()
	if err != nil {
		return Registry{}, "", err
	}
	p := newParser(s)
	p.required("SCHEMA_REGISTRY_URL", p.settings.SchemaRegistryURL)
	registry, topic = p.registry(), p.topic("KAFKA_TOPIC", p.settings.KafkaTopic)
	if err := p.err(); err != nil {
		return Registry{}, "", err
	}
	return registry, topic, nil
}

func (p *parser) registry() Registry {
	s := p.settings
	r := Registry{
		Lookup:   p.oneOf("SCHEMA_REGISTRY_MODE", s.SchemaRegistryMode) == "lookup",
		Username: s.SchemaRegistryUsername,
		Password: p.optional("SCHEMA_REGISTRY_PASSWORD", s.SchemaRegistryPassword),
		Token:    p.optional("SCHEMA_REGISTRY_TOKEN", s.SchemaRegistryToken),
	}
	password := p.isSet("SCHEMA_REGISTRY_PASSWORD", s.SchemaRegistryPassword)
	encrypted := false
	for _, address := range split(s.SchemaRegistryURL) {
		u := p.url("SCHEMA_REGISTRY_URL", address)
		switch {
		case u == nil:
			return r // once is enough
		case u.User != nil:
			p.refuse("SCHEMA_REGISTRY_URL", "", "contains a user, which would appear in logs; set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD instead")
			return r
		case u.RawQuery != "" || u.Fragment != "":
			p.refuse("SCHEMA_REGISTRY_URL", "", "must not contain a query or a fragment")
			return r
		}
		encrypted = encrypted || u.Scheme == "https"
		r.URLs = append(r.URLs, strings.TrimSuffix(u.String(), "/"))
	}
	switch {
	case p.isSet("SCHEMA_REGISTRY_TOKEN", s.SchemaRegistryToken) && (r.Username != "" || password):
		p.refuse("SCHEMA_REGISTRY_TOKEN", "", "is set and so is a user or a password, of which only one can be sent")
	case r.Username != "" && !password:
		p.refuse("SCHEMA_REGISTRY_PASSWORD", "", "is not set but SCHEMA_REGISTRY_USERNAME is")
	case r.Username == "" && password:
		p.refuse("SCHEMA_REGISTRY_USERNAME", "", "is not set but SCHEMA_REGISTRY_PASSWORD is")
	}
	if s.SchemaRegistryCAFile+s.SchemaRegistryCertFile+s.SchemaRegistryKeyFile != "" {
		if !encrypted {
			p.refuse("SCHEMA_REGISTRY_URL", s.SchemaRegistryURL, "must be https where SCHEMA_REGISTRY_CA_FILE, SCHEMA_REGISTRY_CERT_FILE or SCHEMA_REGISTRY_KEY_FILE is set")
		}
		r.TLS = p.tls("SCHEMA_REGISTRY_CA_FILE", s.SchemaRegistryCAFile, "SCHEMA_REGISTRY_CERT_FILE", s.SchemaRegistryCertFile,
			"SCHEMA_REGISTRY_KEY_FILE", s.SchemaRegistryKeyFile)
	}
	return r
}
