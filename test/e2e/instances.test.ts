/** VM instances with real guests, through the API alone. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Activity } from '#contract/generated/tenant.ts';
import { run } from '#libs/process/run.ts';
import { send } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { Guest, guestRequest } from '#test/support/guest.ts';
import { missingForRegion, ProductRegion } from '#test/support/product-region.ts';
import { runsOf } from '#test/support/serial-scripts.ts';
