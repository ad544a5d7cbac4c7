"""`make acceptance`: test the package on AWS itself, and record what AWS answers where its documentation is silent."""
