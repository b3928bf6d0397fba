"""OpenSearch and Elasticsearch, with documents in the Elastic Common Schema."""
