"""`make acceptance`: the life of a share on AWS itself, and what AWS answers where its documentation says nothing."""
