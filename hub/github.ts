/**
 * Everything that Groundray assumes about the files of GitHub's repositories: addresses and hosts.
 *
 * Files come one by one from the host of raw files, at one commit. GitHub's archive of a commit would
 * come from another host, in one answer that cannot go on after an interruption.
 *
 * @module
 */

import type { Site } from "./hub.ts";

/** Address of raw files. */
export const RAW = "https://raw.githubusercontent.com";

/** Hosts that GitHub sends raw files from. */
export const RAW_HOSTS: readonly string[] = ["raw.githubusercontent.com"];

/** GitHub's raw files. */
export const GITHUB_SITE: Site = {
  home: RAW,
  fileUrl: (endpoint, { repository, revision, path }) => {
    const parts = path.split("/").map(encodeURIComponent).join("/");
    return new URL(`${endpoint}/${repository}/${encodeURIComponent(revision)}/${parts}`);
  },
  describeRefusal: (status, _headers, { repository, revision, path }, { host, isEndpoint }) => {
    const start = `Cannot fetch "${path}" of ${repository}: `;
    if (status === 404 && isEndpoint) {
      return `${start}${host} has no such file at commit ${revision}; ` +
        `https://github.com/${repository} shows the files of today`;
    }
    return `${start}${host} answered ${status}`;
  },
};
