/** An owner's token of one tenant. */
export interface TenantToken {
  readonly organisation: string;
  readonly tenant: string;
  readonly tenantId: string;
  readonly id: string;
  readonly secret: string;
}

/** What the seed writes. */
export interface Secrets {
  readonly organisations: readonly {
    readonly name: string;
    readonly tenants: readonly {
      readonly id: string;
      readonly name: string;
      readonly token: { readonly id: string; readonly secret: string };
    }[];
  }[];
  readonly providerToken: { readonly id: string; readonly secret: string };
}

/** One owner token per tenant, in the order of the topology. */
export function tokensOf(secrets: Secrets): TenantToken[] {
  return secrets.organisations.flatMap(({ name: organisation, tenants }) => {
    return tenants.map(({ id: tenantId, name: tenant, token }) => ({ organisation, tenant, tenantId, ...token }));
  });
}

/** Logs in over the plain listener and answers the JWT. */
export async function login(plainUrl: string, token: TenantToken | undefined): Promise<string> {
  if (token === undefined) throw new RangeError('the region has no tenant');
  const answer = await fetch(`${plainUrl}/iam/v2/auth/personal_access_token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ id: token.id, secret: token.secret }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the login was answered ${answer.status}: ${text}`);
  return text;
}
