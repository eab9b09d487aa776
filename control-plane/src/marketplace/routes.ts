import type { Operations } from '#contract/generated/tenant.ts';
import type { Handlers } from '#libs/contract-runtime/call.ts';
import { reply } from '#libs/contract-runtime/call.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import type { CatalogueService } from '../catalogue/service.ts';
import type { OfferedImage } from '../catalogue/snapshot.ts';
import { type Target, presentInfo, presentItem } from './present.ts';

type MarketplaceOperation =
  | 'listMarketplaceItems'
  | 'getMarketplaceItem'
  | 'getMarketplaceItemInfo'
  | 'deployOpenIaasMarketplaceItem'
  | 'deployVmwareMarketplaceItem';

/** `/marketplace/v1` (notes §5): the items are the images on offer. */
export function marketplaceHandlers(parts: {
  readonly catalogue: CatalogueService;
}): Pick<Handlers<Operations>, MarketplaceOperation> {
  const { catalogue } = parts;
  const find = async (id: string): Promise<OfferedImage> => {
    const image = await catalogue.findImage(id.toLowerCase());
    if (image === null) throw new ApiError('not_found');
    return image;
  };
  /** An item is deployed onto a dedicated cluster of the tenant; until there are any, nowhere. */
  const refuse = async (itemId: string, target: Target): Promise<never> => {
    await find(itemId);
    throw new ApiError('target_not_offered', { target });
  };
  return {
    listMarketplaceItems: async () => reply.ok((await catalogue.snapshot()).offered.map(presentItem)),
    getMarketplaceItem: async ({ params }) => reply.ok(presentItem(await find(params.itemId))),
    getMarketplaceItemInfo: async ({ params }) => reply.ok(presentInfo(await find(params.itemId), params.target)),
    deployOpenIaasMarketplaceItem: async ({ body }) => refuse(body.id, 'open_iaas'),
    deployVmwareMarketplaceItem: async ({ body }) => refuse(body.id, 'vmware'),
  };
}
