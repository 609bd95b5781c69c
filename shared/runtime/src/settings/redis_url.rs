use super::redact::redact_url;
use super::secret_url::SecretUrl;
use super::value::FromText;

/// One Redis (or Valkey) node, or some nodes of a cluster. Each URL is one that the client reads.
#[derive(Debug, Clone)]
pub enum RedisUrl {
    /// `redis://` or `rediss://`.
    Node(SecretUrl),
    /// From `redis+cluster://h1,h2` or `rediss+cluster://…`: at least one node.
    Cluster(Vec<SecretUrl>),
}

impl FromText for RedisUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let problem = || {
            format!(
                "expected redis://HOST, rediss://HOST, redis+cluster://HOST,HOST or rediss+cluster://HOST,HOST, got {}",
                redact_url(text)
            )
        };
        let node =
            |url: &str| SecretUrl::of_schemes(url, &["redis", "rediss"]).map_err(|_| problem());
        let Some((scheme, rest)) = text.split_once("+cluster://") else {
            return node(text).map(Self::Node);
        };
        let (user, hosts) = match rest.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), rest),
        };
        let hosts = hosts.trim_end_matches('/').split(',').map(str::trim);
        hosts
            .map(|host| match host {
                "" => Err(problem()),
                host => node(&format!("{scheme}://{user}{host}")),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Self::Cluster)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_cluster_becomes_one_url_for_each_node() {
        let RedisUrl::Cluster(nodes) =
            RedisUrl::from_text("rediss+cluster://u:p@h1:7000,h2:7001/").unwrap()
        else {
            unreachable!("a cluster was asked for")
        };
        let nodes: Vec<_> = nodes.iter().map(SecretUrl::expose).collect();
        assert_eq!(nodes, ["rediss://u:p@h1:7000", "rediss://u:p@h2:7001"]);
    }

    #[test]
    fn other_addresses_are_refused_without_their_password() {
        for wrong in [
            "http://u:hunter2@h",
            "redis+cluster://u:hunter2@h1,,h2",
            "redis+sentinel://u:hunter2@h",
            "redis+cluster://u:hunter2@",
            "h1:6379",
        ] {
            let problem = RedisUrl::from_text(wrong).unwrap_err();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
