/** The error table as a Markdown page (docs/errors.md). */
import { ERRORS } from './errors.ts';

const WHO = {
  caller: 'the caller: change the request',
  administrator: 'an administrator of the tenant',
  operator: 'the operator of the region',
  nobody: 'nobody: try again later',
} as const;

export function renderErrorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, message, who }]) =>
      `| \`${code}\` | ${status} | ${message.replaceAll('|', '\\|')} | ${WHO[who]} |`,
  );
  return `<!-- Generated from libs/contract-runtime/errors.ts by tools/generate.ts. Do not edit. -->

# Errors

Every answer that is not a success has the body \`{"code", "message", "requestId", …}\`; the request id is also in the
header \`X-Request-Id\` and in the log of the process. Words in braces are filled in. Ids are never repeated in a message.

| code | status | message | who must act |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
