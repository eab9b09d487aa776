/** Limits of tags: the contract sets none, and without any one tenant could fill the database. */
import { ApiError } from '#libs/contract-runtime/errors.ts';

export const tagsPerResourceMax = 100;
const keyLengthMax = 255;
const valueLengthMax = 1_024;
const idLengthMax = 128;
const resourcesMax = 100;

export interface TagRequest {
  readonly key: string;
  readonly value: string;
  readonly resources: readonly { readonly uuid: string; readonly type: string; readonly source: string }[];
}

/** @throws ApiError `rule_violated` that names the member and its limit */
export function checkTagRequest({ key, value, resources }: TagRequest): void {
  checkLength('key', key, { min: 1, max: keyLengthMax });
  checkLength('value', value, { min: 0, max: valueLengthMax });
  if (resources.length > resourcesMax)
    throw new ApiError('rule_violated', { detail: `resources has at most ${resourcesMax} entries` });
  for (const { uuid, type, source } of resources) {
    checkLength('resources.uuid', uuid, { min: 1, max: idLengthMax });
    checkLength('resources.type', type, { min: 1, max: idLengthMax });
    checkLength('resources.source', source, { min: 1, max: idLengthMax });
  }
}

function checkLength(member: string, text: string, { min, max }: { min: number; max: number }): void {
  if (text.length < min) throw new ApiError('rule_violated', { detail: `${member} must not be empty` });
  if (text.length > max) throw new ApiError('rule_violated', { detail: `${member} has at most ${max} characters` });
}

/** Ids are compared in one case (notes §9); any other text is an id as it stands. */
export function canonicalResourceId(id: string): string {
  return /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id) ? id.toLowerCase() : id;
}
