package config

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Tenant is what the configuration says of one Entra tenant.
type Tenant struct {
	// Alias is its name in GRAPH_TENANTS; empty for the one tenant of the unprefixed variables.
	Alias string
	// ID is the tenant id in lower case. It is in keys, headers, hashes and the transactional id.
	ID       string
	Identity Identity

	Graph       *url.URL
	GraphRoots  *x509.CertPool // nil for the system's
	GraphFilter string
	GraphModel  string

	Users        Users
	Start        Start
	PollInterval time.Duration
	Lookbacks    []time.Duration
	Settle       time.Duration
	PageSize     int
	Rate         float64
	InFlight     int

	DropBody     bool
	ExcludeChats []string
}

// String names the tenant for people: its alias, if it has one, and its id.
func (t Tenant) String() string {
	if t.Alias == "" {
		return t.ID
	}
	return t.Alias + " (" + t.ID + ")"
}

// Variable is the name of a variable that is the tenant's own, with its alias in front if it has one.
func (t Tenant) Variable(name string) string { return prefix(t.Alias) + name }

// Start is where the stream of a user without a position begins.
type Start struct {
	At   time.Time     // an instant, or
	Back time.Duration // this long before now
}

// Resolve gives the instant in milliseconds, seen from now.
func (s Start) Resolve(now time.Time) int64 {
	if !s.At.IsZero() {
		return s.At.UnixMilli()
	}
	return now.Add(-s.Back).UnixMilli()
}

var (
	aliasPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,29}$`)
	guidPattern  = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// tenants parses the one tenant of the unprefixed variables, or those that GRAPH_TENANTS lists.
func (p *parser) tenants() []Tenant {
	aliases := p.aliases()
	if len(aliases) == 0 {
		return []Tenant{p.tenant()}
	}
	p.refuseAmbiguous(aliases[0])
	var tenants []Tenant
	for _, alias := range aliases {
		of := p.of(alias)
		tenants = append(tenants, of.tenant())
		p.wrong = of.wrong
	}
	p.refuseRepeated(tenants)
	p.refuseRates(tenants)
	return tenants
}

func (p *parser) aliases() []string {
	seen := make(map[string]bool)
	aliases := split(p.settings.GraphTenants)
	for _, alias := range aliases {
		switch {
		case !aliasPattern.MatchString(alias):
			p.refuse("GRAPH_TENANTS", p.settings.GraphTenants, fmt.Sprintf("has the alias %q: an alias is a letter and at most 29 letters or digits", alias))
		case seen[prefix(alias)]:
			p.refuse("GRAPH_TENANTS", p.settings.GraphTenants, fmt.Sprintf("has the alias %q twice", alias))
		}
		seen[prefix(alias)] = true
	}
	return aliases
}

// refuseAmbiguous refuses unprefixed variables of which nobody could say which tenant they are for. Those
// of Azure are passed over: AKS's webhook sets them in every pod that it serves.
func (p *parser) refuseAmbiguous(alias string) {
	p.settings.each(func(s Setting, value *string) {
		if s.Tenant == Own && *value != s.Default && !strings.HasPrefix(s.Name, "AZURE_") {
			p.refuse(s.Name, "", "is set, but with GRAPH_TENANTS each tenant has its own: set "+prefix(alias)+s.Name+" and so on")
		}
	})
}

// of is the parser for the tenant of an alias.
func (p *parser) of(alias string) *parser {
	given := p.settings.Tenants[alias]
	of := &parser{settings: p.settings, alias: alias, own: make(map[string]bool), unreadable: p.unreadable, wrong: p.wrong}
	values := make(map[string]string)
	given.each(func(s Setting, value *string) { values[s.Name] = strings.TrimSpace(*value) })
	of.settings.SecretFiles = given.SecretFiles
	of.settings.each(func(s Setting, value *string) {
		own := values[s.Name]
		switch {
		case s.Tenant == Shared && (own != "" || given.SecretFiles[s.Name] != ""):
			of.own[s.Name] = true
			of.refuse(s.Name, "", "is set, but all tenants share "+s.Name)
		case s.Tenant == Own && own == "":
			*value = s.Default // never another tenant's
		case own != "":
			*value, of.own[s.Name] = own, true
		}
	})
	return of
}

// refuseRepeated refuses two tenants that are one: they would fence each other.
func (p *parser) refuseRepeated(tenants []Tenant) {
	first := make(map[string]Tenant)
	for _, t := range tenants {
		if other, seen := first[t.ID]; seen && t.ID != "" {
			p.refuse("GRAPH_TENANTS", p.settings.GraphTenants, fmt.Sprintf("has the tenant %s twice, as %s and as %s", t.ID, other.Alias, t.Alias))
		}
		first[t.ID] = t
	}
}

// clientRate is how many requests per second one application may make over all tenants: 83 % of the 1000
// that Graph documents (throttling limits, Teams section), which it judges as a sustained limit.
const clientRate = 830

// refuseRates refuses tenants that would together ask Graph for more than their one application may. The sum
// is bounded, and not the flow, because the tenants can run in different processes.
func (p *parser) refuseRates(tenants []Tenant) {
	sums := make(map[string]float64)
	aliases := make(map[string][]string)
	for _, t := range tenants {
		client := strings.ToLower(t.Identity.ClientID)
		sums[client] += t.Rate
		aliases[client] = append(aliases[client], t.Alias)
	}
	for _, t := range tenants {
		client := strings.ToLower(t.Identity.ClientID)
		// Without a client id it is a managed identity, which belongs to one tenant.
		if of := aliases[client]; client != "" && of[0] == t.Alias && len(of) > 1 && sums[client] > clientRate {
			p.refuse("SOURCE_RATE", "", fmt.Sprintf(
				"adds up to %g requests per second over the tenants of one application (%s); Graph lets it make %d: at most %d for each, here or in %sSOURCE_RATE and so on",
				sums[client], strings.Join(of, ", "), clientRate, clientRate/len(of), prefix(t.Alias)))
		}
	}
}

// tenant parses one tenant's variables.
func (p *parser) tenant() Tenant {
	s := p.settings
	t := Tenant{
		Alias:        p.alias,
		ID:           strings.ToLower(p.required("AZURE_TENANT_ID", s.AzureTenantID)),
		Identity:     p.identity(),
		GraphRoots:   p.roots("GRAPH_CA_FILE", s.GraphCAFile),
		GraphFilter:  p.filter("GRAPH_FILTER", s.GraphFilter),
		GraphModel:   p.oneOf("GRAPH_MODEL", s.GraphModel),
		Users:        p.users(),
		Start:        p.start("SOURCE_START", s.SourceStart),
		PollInterval: p.duration("SOURCE_POLL_INTERVAL", s.SourcePollInterval),
		PageSize:     int(p.number("SOURCE_PAGE_SIZE", s.SourcePageSize)),
		Rate:         float64(p.number("SOURCE_RATE", s.SourceRate)),
		InFlight:     int(p.number("SOURCE_IN_FLIGHT", s.SourceInFlight)),
		DropBody:     p.oneOf("TRANSFORM_BODY", s.TransformBody) == "drop",
		ExcludeChats: split(s.TransformExcludeChats),
	}
	if t.ID != "" && !guidPattern.MatchString(t.ID) {
		// A domain name would sign in as well, but the id is in keys, and one tenant has many names.
		p.refuse("AZURE_TENANT_ID", s.AzureTenantID, "is not a GUID (domain names are not accepted because the tenant ID is part of every key)")
	}
	t.Graph, t.Identity.Authority, t.Identity.Scope = p.cloud()
	for _, text := range split(s.SourceLookbacks) {
		t.Lookbacks = append(t.Lookbacks, p.duration("SOURCE_LOOKBACKS", text))
	}
	t.Settle = p.settle(t.Lookbacks)
	return t
}

// defaultSettle is how far a window's end stays behind both clocks.
const defaultSettle = 2 * time.Second

func (p *parser) settle(lookbacks []time.Duration) time.Duration {
	most := time.Duration(0)
	for _, l := range lookbacks {
		if half := l / 2; most == 0 || half < most {
			most = half
		}
	}
	text := p.settings.SourceSettle
	if text == "" {
		return min(defaultSettle, most)
	}
	settle := p.duration("SOURCE_SETTLE", text)
	if settle > most && most > 0 {
		p.refuse("SOURCE_SETTLE", text, "must be at most half of the shortest rung of SOURCE_LOOKBACKS, "+most.String())
	}
	return settle
}

func (p *parser) start(name, value string) Start {
	if strings.EqualFold(value, "now") {
		return Start{}
	}
	if t, err := time.Parse(time.RFC3339, value); err == nil {
		if t.Year() < 1970 || t.After(time.Now()) {
			p.refuse(name, value, "must not be in the future or before 1970")
		}
		return Start{At: t}
	}
	back, err := ParseDuration(value)
	if err != nil || back < 0 {
		p.refuse(name, value, "is not a time (RFC 3339), a duration back, or now")
	}
	return Start{Back: back}
}

// clausePattern is one clause that the reference page of getAllMessages allows besides the window.
var clausePattern = regexp.MustCompile(`^(?:` +
	`from/user/userIdentityType eq '(?:aadUser|onPremiseAadUser|anonymousGuest|federatedUser|personalMicrosoftAccountUser|skypeUser|phoneUser)'` +
	`|from/application/applicationIdentityType eq '(?:aadApplication|bot|tenantBot|office365Connector|outgoingWebhook)'` +
	`|from/user/id eq '[^']+'` +
	`|messageType (?:eq|ne) 'systemEventMessage')$`)

func (p *parser) filter(name, value string) string {
	if value == "" {
		return ""
	}
	for clause := range strings.SplitSeq(value, " or ") {
		if !clausePattern.MatchString(strings.TrimSpace(clause)) {
			p.refuse(name, value, fmt.Sprintf("has the clause %q, which getAllMessages does not allow; join clauses by or alone; the connector adds the window", strings.TrimSpace(clause)))
		}
	}
	return value
}
